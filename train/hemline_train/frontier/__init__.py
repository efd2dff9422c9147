"""
The frontier: what accuracy costs, in int8 bytes and in batch-1 latency. Every recipe, beside what others reported.

    right.py       which test pictures an artifact gets right, as text
    metrics.py     the file of one recipe: every seed, every artifact, the latency; read, checked, written
    measure.py     from runs to that file
    timing.py      latencies of several bundles, in turns
    compare.py     means, spreads, paired intervals
    records.toml   what others reported of networks that are not rebuilt here
    records.py     that file, read
    rows.py        networks as the page shows them, and which of them no other beats
    text.py        frontier.md
    labels.py      where the names on a plot go
    marks.py       the marks on a plot, and their legend
    plot.py        the plots, as SVG
    draw.py        all of it, from a folder of metrics files

Measuring needs the engines, the data and Keras. Drawing reads the files alone: the same files give the same page, byte
for byte, on any machine.
"""
