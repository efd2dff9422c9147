"""
A verb of hemline as a service of systemd: a unit, udev rules, an account, a configuration.

    line.py  watch.py   what each verb needs of a machine, read from its configuration
    devices.py          kinds of devices: who may use them, by which rule
    unit.py             these needs as a unit; quoting.py: as systemd reads it
    account.py          the user, its folders, udev rules
    configuration.py    a line's TOML file
    program.py          what the unit starts; places.py: where files lie, what a service cannot see
    plan.py             what is there, what would be, the difference, writing and taking away
    checks.py           what systemd itself says of it

Law: nothing is open to a service but what its configuration names. No module here starts, stops or enables anything.
"""
