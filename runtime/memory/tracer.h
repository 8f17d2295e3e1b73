// Tracer: who is shown the handles of an object: the collector, or the escape analysis.
//
// A class whose fields are private shows them itself:
//
//   class Account {
//    public:
//     void trace(ts::Tracer& tracer) { tracer(owner_, entries_); }
//    private:
//     ts::ptr<Person> owner_;
//     std::vector<ts::ptr<Entry>> entries_;
//   };
//
// Called while no task runs, or by the task that owns the object. A trace function only shows; it
// does not allocate and waits for nobody.
#pragma once

#include <cstddef>

namespace taskscope::memory {

class Tracer {
 public:
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Shows all fields, whatever they are (fields.h).
  template <class... Fields>
  void operator()(Fields&... fields);

  // A handle in `place` that refers to `target`, which is not null.
  virtual void edge(const void* place, void* target) = 0;
  // Memory that may hold handles anywhere.
  virtual void words(const void* first, std::size_t bytes) = 0;
  // Whether it looks into what containers have allocated: those may be half changed when a task is
  // stopped anywhere, and what lies in them is known by itself (roots.h).
  bool sees_containers() const { return sees_containers_; }

 protected:
  explicit Tracer(bool sees_containers) : sees_containers_(sees_containers) {}
  ~Tracer() = default;

  bool sees_containers_;
};

}  // namespace taskscope::memory

namespace taskscope {
using memory::Tracer;
}  // namespace taskscope
