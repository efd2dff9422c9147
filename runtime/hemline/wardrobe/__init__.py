"""
The wardrobe: garments that were scanned, kept in a folder of one's own, found again.

A catalogue is one folder (layout in storehouse.py). Its law: what was acknowledged is there after a crash, a kill or a
power cut, and every change by hand can be undone.
"""
