"""Where trainings are done: worker processes, their devices, and the jobs they are handed."""
