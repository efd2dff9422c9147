"""
A live source, watched: each frame classified, the answers of frames made one, and the moment to scan known.
"""
