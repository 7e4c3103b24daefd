"""Does what the main chain shows hold in other counties? The whole chain anew, once for each."""
