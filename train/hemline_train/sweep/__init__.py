"""
Sweeps: many configurations of recipes, each scored by cross-validation.

    config.py    SWEEP.toml, and the configurations it asks for
    jobs.py      one (configuration, fold): the function that local processes and Spark run alike
    local.py     jobs on worker processes of this machine (hemline_train.pool)
    spark.py     jobs on an Apache Spark cluster
    results.py   finished jobs on disk, the table that follows from them
    page.py      results.html
    search.py    all of it together: what `hemline sweep` does

A fold is scored once, at the end of its training. What stops that training and picks its epoch is a part
held out of the other folds, as `hemline train` holds one out: no score looks at what chose it.
"""
