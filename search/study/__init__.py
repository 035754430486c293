"""The search: proposals, trainings, what is kept of them, and when it stops."""
