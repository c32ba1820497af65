"""What the pipeline does to a decoded request, in order."""
