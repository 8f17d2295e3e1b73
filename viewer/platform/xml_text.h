// Text as it stands between tags, or in the quotes of an attribute, of an XML 1.0 document.
#pragma once

#include <string>
#include <string_view>

namespace taskscope::viewer {

// What is no UTF-8, or what XML may not hold, becomes U+FFFD.
std::string xml_text(std::string_view text);

}  // namespace taskscope::viewer
