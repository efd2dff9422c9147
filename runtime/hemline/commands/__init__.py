"""The verbs of the runtime, one file each: add_arguments(parser) and run(options) -> exit status."""

PHOTO_BUNDLE = (
    "wardrobe"  # of garments as a camera sees them: the one of watch and of the wardrobe, where none is named
)
