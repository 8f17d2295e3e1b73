#include "viewer/model/memory_sites.h"

namespace taskscope::viewer {

std::string_view to_text(SiteFilter filter) {
  constexpr std::array<std::string_view, kSiteFilters.size()> kTexts = {"all", "escape", "stay",
                                                                        "outside", "learned"};
  return kTexts[static_cast<std::size_t>(filter)];
}

bool passes(const store::EscapeSiteRow& site, SiteFilter filter) {
  switch (filter) {
    case SiteFilter::All:
      return true;
    case SiteFilter::Escape:
      return site.escaped > 0;
    case SiteFilter::Stay:
      return site.escaped == 0 && site.stayed > 0;
    case SiteFilter::Outside:
      return site.heap > 0;
    case SiteFilter::Learned:
      return site.learned;
  }
  return true;
}

std::vector<std::size_t> filtered(const std::vector<store::EscapeSiteRow>& sites,
                                  SiteFilter filter) {
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < sites.size(); ++at) {
    if (passes(sites[at], filter)) places.push_back(at);
  }
  return places;
}

}  // namespace taskscope::viewer
