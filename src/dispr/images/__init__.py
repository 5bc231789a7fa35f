"""Images, masks, labels, stacks and 3D objects from files: what the container says, then pixels."""
