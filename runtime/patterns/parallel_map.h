// parallel_map: a function of every element, with a bounded number of tasks; results in order.
//
//   std::vector<Digest> digests = ts::parallel_map(files, [](const File& f) { return digest(f); });
//
// `input` is anything with size() and operator[]: a vector, an array, a span. What holds for
// parallel_for (chunks, exceptions, the context) holds here. For tasks.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/patterns/parallel_for.h"

namespace taskscope {
namespace patterns {

template <class Input>
using ElementRef = decltype(std::declval<Input&>()[std::size_t{0}]);
template <class F, class Input>
concept MapsWithContext = std::is_invocable_v<F&, const Context&, ElementRef<Input>>;
template <class F, class Input>
concept Maps = MapsWithContext<F, Input> || std::is_invocable_v<F&, ElementRef<Input>>;

template <class F, class Input>
auto call_map(F& function, const Context& context, ElementRef<Input> element) {
  if constexpr (MapsWithContext<F, Input>) {
    return function(context, static_cast<ElementRef<Input>>(element));
  } else {
    return function(static_cast<ElementRef<Input>>(element));
  }
}
template <class F, class Input>
using Mapped = decltype(call_map<F, Input>(std::declval<F&>(), std::declval<const Context&>(),
                                           std::declval<ElementRef<Input>>()));

// nullopt: the context was done first.
template <class F, class Input>
std::optional<std::vector<Mapped<F, Input>>> parallel_map(const Context& context, Input& input,
                                                          const ParallelOptions& options,
                                                          F& function, const base::Site& site) {
  using R = Mapped<F, Input>;
  static_assert(!std::is_void_v<R>, "a map returns something; for nothing there is parallel_for");
  const std::size_t count = std::size(input);
  // Places that need no constructor of R and that tasks can write at once, unlike vector<bool>.
  std::vector<std::optional<R>> places(count);
  bool whole = false;
  if constexpr (MapsWithContext<F, Input>) {
    auto body = [&](const Context& ctx, std::size_t i) {
      places[i].emplace(function(ctx, input[i]));
    };
    whole = parallel_for(context, count, options, body, site);
  } else {
    auto body = [&](std::size_t i) { places[i].emplace(function(input[i])); };
    whole = parallel_for(context, count, options, body, site);
  }
  if (!whole) return std::nullopt;
  std::vector<R> results;
  results.reserve(count);
  for (std::optional<R>& place : places) results.push_back(std::move(*place));
  return results;
}

}  // namespace patterns

// nullopt if `context` was done before every call had been made.
template <class Input, class F>
requires(patterns::Maps<F, Input>)
    [[nodiscard]] auto parallel_map(const Context& context, Input&& input,
                                    const ParallelOptions& options, F&& function,
                                    Site site = Site::here()) {
  return patterns::parallel_map(context, input, options, function, site);
}
template <class Input, class F>
requires(patterns::Maps<F, Input>)
    [[nodiscard]] auto parallel_map(const Context& context, Input&& input, F&& function,
                                    Site site = Site::here()) {
  return patterns::parallel_map(context, input, {}, function, site);
}
template <class Input, class F>
requires(patterns::Maps<F, Input>) auto parallel_map(Input&& input, const ParallelOptions& options,
                                                     F&& function, Site site = Site::here()) {
  return *patterns::parallel_map(background(), input, options, function, site);
}
template <class Input, class F>
requires(patterns::Maps<F, Input>) auto parallel_map(Input&& input, F&& function,
                                                     Site site = Site::here()) {
  return *patterns::parallel_map(background(), input, {}, function, site);
}

}  // namespace taskscope
