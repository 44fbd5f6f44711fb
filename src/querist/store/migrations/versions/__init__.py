"""The versions, oldest first. A script is never changed once it has been released."""
