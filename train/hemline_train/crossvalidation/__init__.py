"""
What a run's recipe is worth on parts that it has never seen: trained several times, asked about what it was not shown.

Law: no picture is answered by a network that was trained on a picture of the same group. Beside it stands what a
random split would have claimed of the same recipe, which breaks that law and is said to.
"""
