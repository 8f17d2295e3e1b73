// Unit: the value that says nothing, for channels whose closing or ticking is the message.
#pragma once

namespace taskscope {

struct Unit {
  friend bool operator==(Unit, Unit) { return true; }
};

}  // namespace taskscope
