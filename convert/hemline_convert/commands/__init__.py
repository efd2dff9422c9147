"""The verbs that conversion adds to the command line, one file each."""
