// CallContext: a Context together with the place of the call, for functions whose last parameter is
// a pack, so that the place cannot be a default argument.
//
// Made by conversion in a call's argument list; borrows the context for the length of that call.
#pragma once

#include "runtime/base/site.h"
#include "runtime/context/context.h"

namespace taskscope::patterns {

struct CallContext {
  CallContext(const Context& context, const base::Site& site = base::Site::here())  // NOLINT
      : ctx(context), at(site) {}

  const Context& ctx;
  base::Site at;
};

}  // namespace taskscope::patterns
