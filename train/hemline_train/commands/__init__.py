"""The verbs that training adds to the command line, one file each."""
