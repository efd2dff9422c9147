"""
What can happen on a line besides decisions. An event is stored as a decision is, and shares its numbers.
"""

from __future__ import annotations

# kind: what it says. Where a thing is lost and back again each is said once, not at every try.
KINDS = {
    "started": "the line runs",
    "stopped": "the line was ended",
    "heartbeat": "no part has come for a while, and the line works: a picture came, the model answered",
    "camera_lost": "no pictures come",
    "camera_back": "pictures come again",
    "frame_refused": "a picture that cannot be judged: another size, all black",
    "frames_back": "pictures can be judged again",
    "part_stays": "a part has not left",
    "budget_missed": "a part had its answer too late",
    "budget_kept": "parts have their answers in time again",
    "model_failed": "a part had no answer",
    "model_back": "parts have answers again",
    "room_short": "the disk is full: pictures are given up, the mildest and oldest first, and decisions go on",
    "room_back": "the disk has room again",
    "disk_full": "the disk is full and nothing can be given up any more: decisions are not stored",
    "disk_back": "decisions are stored again",
    "store_failed": "decisions are not stored, for another reason than a full disk",
    "store_back": "decisions are stored again",
    "broker_lost": "a publisher does not deliver; what is to be told is kept",
    "broker_back": "a publisher delivers again",
    "message_refused": "a receiver will never take a message; it is kept apart, readable",
    "clock_jumped": "somebody set the clock; times before and after do not compare",
    "golden_failed": "a known part was judged wrongly",
    "set_aside": "the database was damaged and a new one begun",
}
