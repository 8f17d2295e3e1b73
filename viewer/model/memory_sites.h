// Which sites of collected memory the memory pane lists. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "recorder/store/rows.h"

namespace taskscope::viewer {

enum class SiteFilter : std::uint8_t { All, Escape, Stay, Outside, Learned };
inline constexpr std::array<SiteFilter, 5> kSiteFilters = {SiteFilter::All, SiteFilter::Escape,
                                                           SiteFilter::Stay, SiteFilter::Outside,
                                                           SiteFilter::Learned};

// "all", "escape", …: on chips and in the text of a view.
std::string_view to_text(SiteFilter filter);
bool passes(const store::EscapeSiteRow& site, SiteFilter filter);
// Places in `sites`, in their order.
std::vector<std::size_t> filtered(const std::vector<store::EscapeSiteRow>& sites,
                                  SiteFilter filter);

}  // namespace taskscope::viewer
