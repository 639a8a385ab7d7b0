"""What the browser reads of a map: the files of a bundle, and the pages around them."""
