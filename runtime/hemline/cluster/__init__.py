"""
Work on an Apache Spark cluster: opening a session on one, and classifying a whole collection on it.

    session.py    a session on a master, or within half a minute the reason why there is none
    bulk.py       hemline classify --spark: a table of pictures in, a table of answers out

pyspark is imported when one of them is used. Executors run the light runtime: hemline, numpy, OpenCV, one engine.
"""
