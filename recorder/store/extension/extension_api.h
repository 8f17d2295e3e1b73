// Included before everything else when sources are compiled into the SQLite extension: their calls
// go to the SQLite that loads it, whichever that is, and to none of our own.
#pragma once

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT3
