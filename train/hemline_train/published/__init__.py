"""
The published networks beside ours: what was reported, what our runs reach, and a report of both.

    figures.toml   what others reported, as they reported it
    figures.py     that file, read and checked
    suite.py       every recipe with every seed, trained once
    report.py      runs to figures: means, spreads, intervals, gaps
    text.py        reproduction.md and its plot
    page.py        reproduction.html
"""
