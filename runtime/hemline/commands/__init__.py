"""The verbs of the runtime, one file each: add_arguments(parser) and run(options) -> exit status."""
