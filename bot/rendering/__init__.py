"""Pictures that the program draws: contact sheets, maps, thumbnails and text."""

__all__ = ["contact_sheet", "map", "map_painter", "sheets", "thumbnails"]
