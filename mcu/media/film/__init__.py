"""Files played into a room: opened with bounds, decoded ahead of time, handed out at the instant they are due."""
