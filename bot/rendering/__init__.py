"""Pictures that the program draws: contact sheets, maps, thumbnails and text."""
