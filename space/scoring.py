"""What a training may be told of images in classes of unequal size, by name; torch is for others."""

# Of the loss: every image counts the same, or every class.
CLASS_WEIGHTS = ("none", "balanced")
