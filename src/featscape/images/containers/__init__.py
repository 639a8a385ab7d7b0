"""Containers: read single images from a file that holds many, without unpacking the file."""
