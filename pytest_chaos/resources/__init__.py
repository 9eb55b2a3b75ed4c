"""What is alive: threads and tasks, who made them and where they stand; a baseline, and what is left of a run."""
