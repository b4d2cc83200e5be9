"""Pictures that the program draws: contact sheets, maps, thumbnails and text."""

__all__ = ["map", "map_painter", "sheets", "thumbnails"]
