"""What the images show: recognize, search, classify, and name regions."""
