"""Files that others write: a watched folder, an SFTP server, and periods that did not come."""
