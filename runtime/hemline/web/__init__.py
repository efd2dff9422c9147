"""
A page of this machine's own: one address bound, a guard before everything, files of the package, the newest of what
moves. Needs the extra `web`; knows nothing of garments.
"""
