"""
An SQLite database in a folder of somebody's own: opened whole and of a known version, or set aside; never overwritten.

    schema.py    the tables, and the way from each older version to this one
    opening.py   whole, newer, damaged, of another program; to write and to read
    reading.py   connections that read, one for each thread that asks at the same time

What is in it is its owner's affair: the wardrobe's catalogue, the line's decisions.
"""
