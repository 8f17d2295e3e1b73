// One finding for all objects that are made at one place: a pool of a hundred locks that are all
// hot is one thing to mend.
#pragma once

#include <vector>

#include "recorder/store/rows.h"
#include "viewer/analysis/facts.h"

namespace taskscope::analysis {

// Of findings of one kind about objects of one kind that one program made at one place, only the
// worst stays, and its detail says how many more there are. REQUIRES: each is about an object.
void fold_alike(const Facts& facts, std::vector<store::FindingRow>& findings);

}  // namespace taskscope::analysis
