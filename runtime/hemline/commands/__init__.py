"""The verbs of the runtime, one file each: add_arguments(parser) and run(options) -> exit status."""

# of garments as a camera sees them: the bundle of watch and of the wardrobe, where none is named
PHOTO_BUNDLE = "wardrobe"
# help of --device
DEVICE = "device profile, or auto for the one that fits this machine best"
