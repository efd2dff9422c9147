"""
The factory line: one decision for each part, stored before anything else happens, told to whoever has to know.

A line's decisions are one folder (layout.py). Its laws: what was acknowledged is there after a crash, a kill or a power
cut; a message goes out at least once, in order; where there is no answer there is a safe decision, never a pass.
"""
