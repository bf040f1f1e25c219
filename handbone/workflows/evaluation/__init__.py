"""What `handbone evaluate` is made of: predictions and labels of any format, joined, scored and shown."""
