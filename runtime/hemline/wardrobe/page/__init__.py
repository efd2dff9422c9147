"""
hemline wardrobe serve: the wardrobe in a browser. Scan, look, correct, find, undo; docs/wardrobe.md has the API.

Law: what the page calls saved is in the catalogue. A change that was decided on something which is not so any more is
refused (409) and changes nothing.
"""
