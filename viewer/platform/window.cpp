#include "viewer/platform/window.h"

#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "viewer/panels/messages.h"
#include "viewer/platform/open_file.h"
#include "viewer/platform/presenter.h"
#include "viewer/platform/scene.h"
#include "viewer/platform/screenshot.h"

namespace taskscope::viewer {
namespace {

// ImGui needs a frame or two after an event until everything that follows from it is drawn.
constexpr int kFramesAfterEvent = 3;
constexpr double kFrameSecondsMax = 0.1;
constexpr double kFrameSecondsMin = 1.0 / 60;  // between frames of a motion, without vertical sync

void wake_window() { glfwPostEmptyEvent(); }

std::string glfw_reason() {
  const char* reason = nullptr;
  glfwGetError(&reason);
  return reason == nullptr ? "no reason given" : reason;
}

Error no_window(const std::string& reason) {
  return Error{
      fmt::format("Cannot open a window ({}). Without a display, \"taskscope screenshot\" "
                  "draws the same picture into a PNG file.",
                  reason)};
}

// GLFW's life, so that every way out ends it.
struct GlfwLibrary {
  bool ready = glfwInit() == GLFW_TRUE;
  GlfwLibrary() = default;
  GlfwLibrary(const GlfwLibrary&) = delete;
  GlfwLibrary& operator=(const GlfwLibrary&) = delete;
  ~GlfwLibrary() {
    if (ready) glfwTerminate();
  }
};
using WindowPtr = std::unique_ptr<GLFWwindow, decltype(&glfwDestroyWindow)>;

// "run.tscope" → "run-1.png", the first number that is free.
std::string picture_path(const std::string& recording, std::string_view ending) {
  std::filesystem::path stem(recording);
  stem.replace_extension();
  for (int number = 1;; ++number) {
    const std::string path = fmt::format("{}-{}{}", stem.string(), number, ending);
    if (!std::filesystem::exists(path)) return path;
  }
}

// Keys and dropped files on their way from GLFW. ImGui 1.86 looks at keys once a frame: a tap that
// begins and ends between two frames would be lost, so its end waits for the next one.
class WindowEvents {
 public:
  explicit WindowEvents(GLFWwindow* window) : window_(window) {
    glfwSetWindowUserPointer(window, this);
    glfwSetKeyCallback(window, [](GLFWwindow* of, int key, int code, int action, int modifiers) {
      static_cast<WindowEvents*>(glfwGetWindowUserPointer(of))
          ->keys_.push_back({key, code, action, modifiers});
    });
    glfwSetDropCallback(window, [](GLFWwindow* of, int count, const char** paths) {
      if (count > 0) static_cast<WindowEvents*>(glfwGetWindowUserPointer(of))->dropped_ = paths[0];
    });
  }

  // Before a frame.
  void deliver() {
    std::set<int> pressed;
    while (!keys_.empty()) {
      const Event event = keys_.front();
      if (event.action == GLFW_RELEASE && pressed.contains(event.key)) return;
      if (event.action == GLFW_PRESS) pressed.insert(event.key);
      ImGui_ImplGlfw_KeyCallback(window_, event.key, event.code, event.action, event.modifiers);
      keys_.pop_front();
    }
  }
  bool empty() const { return keys_.empty(); }
  // The first of several files; once.
  std::optional<std::string> take_dropped() { return std::exchange(dropped_, std::nullopt); }

 private:
  struct Event {
    int key, code, action, modifiers;
  };
  GLFWwindow* window_;
  std::deque<Event> keys_;
  std::optional<std::string> dropped_;
};

class WindowLoop {
 public:
  WindowLoop(WindowOptions& options, GLFWwindow* window, Presenter& presenter, Scene& scene)
      : options_(options),
        window_(window),
        events_(window),
        presenter_(presenter),
        scene_(scene),
        file_(scene, wake_window) {
    if (options.live != nullptr) {
      file_.follow(std::move(options.live));
    } else if (options.session != nullptr) {
      file_.show(std::move(options.session), options.request.path);
    } else if (!options.request.path.empty()) {
      file_.open(options.request.path);
    } else {
      show_start();
    }
  }

  // Why the last file could not be shown, or "".
  std::string run() {
    auto before = std::chrono::steady_clock::now();
    int frames_left = kFramesAfterEvent;
    while (glfwWindowShouldClose(window_) == GLFW_FALSE && !scene_.view().quit_requested &&
           !file_.interrupted()) {
      // A picture asked for in the last of these frames is saved before the next one.
      const ViewState& view = scene_.view();
      const bool asked = view.save_as != SaveAs::Nothing || view.copy_requested ||
                         view.paste_requested || view.start_choice || view.start_requested;
      const bool busy = view.animating || asked || !events_.empty();
      if (frames_left > 0 || busy) {
        if (frames_left == 0) glfwWaitEventsTimeout(kFrameSecondsMin);
        glfwPollEvents();
        frames_left = std::max(0, frames_left - 1);
      } else {
        wait();
        frames_left = kFramesAfterEvent - 1;
      }
      choose_file();
      file_.update();
      if (file_.take_opened()) remember_file();
      update_start();
      update_title();
      const auto now = std::chrono::steady_clock::now();
      const std::chrono::duration<double> passed = now - before;
      before = now;
      draw(std::min(passed.count(), kFrameSecondsMax));
    }
    return file_.error();
  }

 private:
  void wait() {
    if (const auto seconds = file_.update_every_s()) {
      glfwWaitEventsTimeout(*seconds);
    } else {
      glfwWaitEvents();
    }
  }

  void show_start() {
    start_.emplace();
    start_->recent = load_recent(options_.folders);
    scene_.set_start(&*start_);
    if (options_.find_programs) {
      watch_ = std::make_unique<ProgramWatch>(options_.find_programs, wake_window);
    } else {
      start_->programs.emplace();
    }
  }

  void leave_start() {
    scene_.set_start(nullptr);
    start_.reset();
    watch_.reset();
  }

  // What was dropped on the window, or chosen on the start screen.
  void choose_file() {
    ViewState& view = scene_.view();
    const auto choice = std::exchange(view.start_choice, std::nullopt);
    if (const auto dropped = events_.take_dropped()) {
      leave_start();
      file_.open(*dropped);
    } else if (choice && choice->pid == 0) {
      leave_start();
      file_.open(choice->path);
    } else if (choice && options_.attach) {
      leave_start();
      file_.follow(options_.attach(choice->pid));
    } else if (std::exchange(view.start_requested, false) && !start_) {
      file_.open_nothing();
      show_start();
    }
  }

  void update_start() {
    if (!start_) return;
    start_->now_s = std::chrono::duration_cast<std::chrono::seconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
    if (watch_ != nullptr) start_->programs = watch_->programs();
  }

  void update_title() {
    const std::string name = std::filesystem::path(file_.path()).filename().string();
    const std::string title = name.empty() ? "Taskscope" : name + " – Taskscope";
    if (title == title_) return;
    title_ = title;
    glfwSetWindowTitle(window_, title.c_str());
  }

  void remember_file() {
    const std::time_t now = std::time(nullptr);
    const Result<void> kept = add_recent(options_.folders, file_.path(), now);
    if (!kept) show_toast(scene_.view(), kept.error().message);
  }

  void draw(double seconds) {
    int width = 0;
    int height = 0;
    glfwGetFramebufferSize(window_, &width, &height);
    if (width <= 0 || height <= 0) return;  // minimised
    if (scene_.view().save_as != SaveAs::Nothing) save(width, height);
    use_clipboard();
    events_.deliver();
    scene_.set_live(file_.live_info());
    presenter_.begin_frame();
    ImGui_ImplGlfw_NewFrame();
    scene_.draw(Scene::Kind::Window, seconds);
    presenter_.present(scene_, width, height);
    glfwSwapBuffers(window_);
    file_.save_marks();
  }

  void save(int width, int height) {
    const SaveAs save_as = std::exchange(scene_.view().save_as, SaveAs::Nothing);
    if (scene_.session() == nullptr) return;
    const std::string path = picture_path(file_.path(), save_as == SaveAs::Svg ? ".svg" : ".png");
    const Result<void> written = write_picture(scene_, width, height, path);
    show_toast(scene_.view(), written ? "Saved " + path : written.error().message);
  }

  void use_clipboard() {
    ViewState& view = scene_.view();
    const bool copy = std::exchange(view.copy_requested, false);
    const bool paste = std::exchange(view.paste_requested, false);
    if (scene_.session() == nullptr) return;
    if (copy) {
      glfwSetClipboardString(window_, scene_.view_text().c_str());
      show_toast(view, "Copied this view as a text: paste it here, or give it to --view-state");
    } else if (paste) {
      const char* text = glfwGetClipboardString(window_);
      const Result<std::string> missing = scene_.set_view_text(text == nullptr ? "" : text);
      if (!missing) show_toast(view, missing.error().message);
      if (missing && !missing->empty()) show_toast(view, *missing);
    }
  }

  WindowOptions& options_;
  GLFWwindow* window_;
  WindowEvents events_;
  Presenter& presenter_;
  Scene& scene_;
  OpenFile file_;
  std::optional<StartContent> start_;  // while nothing is open
  std::unique_ptr<ProgramWatch> watch_;
  std::string title_;
};

// Enough of it on some screen to be found and moved.
bool can_be_seen(const WindowPlace& place) {
  constexpr int kSeen = 100;
  int count = 0;
  GLFWmonitor** monitors = glfwGetMonitors(&count);
  for (int at = 0; at < count; ++at) {
    int x = 0;
    int y = 0;
    int width = 0;
    int height = 0;
    glfwGetMonitorWorkarea(monitors[at], &x, &y, &width, &height);
    const int across = std::min(place.x + place.width, x + width) - std::max(place.x, x);
    const bool top = place.y >= y && place.y < y + height - kSeen;
    if (across >= kSeen && top) return true;
  }
  return false;
}

// What the desktop enlarges everything by.
float screen_scale() {
  float x = 1;
  float y = 1;
  if (GLFWmonitor* monitor = glfwGetPrimaryMonitor()) glfwGetMonitorContentScale(monitor, &x, &y);
  return std::clamp(std::round(x * 4) / 4, 0.5F, 4.0F);
}

WindowPtr make_window(const WindowOptions& options) {
  const ViewRequest& request = options.request;
  const auto px = [&](int at_1) {
    return static_cast<int>(std::lround(static_cast<float>(at_1) * request.scale));
  };
  const int width = options.place ? options.place->width : px(request.width);
  const int height = options.place ? options.place->height : px(request.height);
  const bool placed = options.place && can_be_seen(*options.place);
  glfwWindowHint(GLFW_VISIBLE, placed ? GLFW_FALSE : GLFW_TRUE);
  WindowPtr window(glfwCreateWindow(width, height, "Taskscope", nullptr, nullptr),
                   &glfwDestroyWindow);
  if (window == nullptr) return window;
  if (placed) {
    glfwSetWindowPos(window.get(), options.place->x, options.place->y);
    glfwShowWindow(window.get());
  }
  glfwSetWindowSizeLimits(window.get(), 320, 200, GLFW_DONT_CARE, GLFW_DONT_CARE);
  return window;
}

// Tastes that a person has changed in this window replace those of before.
Preferences changed(Preferences preferences, const ViewState& before, const ViewState& after,
                    GLFWwindow* window) {
  if (after.theme != before.theme) preferences.theme = after.theme;
  if (after.left_width != before.left_width) preferences.left_width = after.left_width;
  if (after.drawer_height != before.drawer_height) preferences.drawer_height = after.drawer_height;
  if (after.findings_width != before.findings_width) {
    preferences.findings_width = after.findings_width;
  }
  if (after.profile_height != before.profile_height) {
    preferences.profile_height = after.profile_height;
  }
  if (after.findings_pane.open != before.findings_pane.open) {
    preferences.findings_open = after.findings_pane.open;
  }
  WindowPlace place;
  glfwGetWindowPos(window, &place.x, &place.y);
  glfwGetWindowSize(window, &place.width, &place.height);
  const bool restored = glfwGetWindowAttrib(window, GLFW_ICONIFIED) == GLFW_FALSE &&
                        glfwGetWindowAttrib(window, GLFW_MAXIMIZED) == GLFW_FALSE;
  if (restored) preferences.window = place;
  return preferences;
}

}  // namespace

Result<void> run_window(WindowOptions options) {
  const GlfwLibrary library;
  if (!library.ready) return no_window(glfw_reason());
  if (options.scale_of_screen) options.request.scale = screen_scale();
  const WindowPtr window = make_window(options);
  if (window == nullptr) return no_window(glfw_reason());
  glfwMakeContextCurrent(window.get());
  glfwSwapInterval(1);
  Scene scene(options.request, wake_window);
  const Preferences preferences = load_preferences(options.folders);
  ViewState& view = scene.view();
  const ViewDescription& asked = options.request.view_state;
  if (!options.request.theme && !asked.theme) view.theme = preferences.theme.value_or(view.theme);
  view.left_width = preferences.left_width.value_or(view.left_width);
  view.drawer_height = preferences.drawer_height.value_or(view.drawer_height);
  view.findings_width = preferences.findings_width.value_or(view.findings_width);
  view.profile_height = preferences.profile_height.value_or(view.profile_height);
  if (!asked.findings) view.findings_pane.open = preferences.findings_open.value_or(false);
  const ViewState before = view;
  // The key callback is that of WindowEvents; ImGui's backend adds its other ones.
  ImGui_ImplGlfw_InitForOpenGL(window.get(), true);
  const std::unique_ptr<Presenter> presenter = Presenter::make();
  auto loop = std::make_unique<WindowLoop>(options, window.get(), *presenter, scene);
  const std::string error = loop->run();
  const Result<void> kept =
      save_preferences(options.folders, changed(preferences, before, view, window.get()));
  // A recording under way is completed first, which nobody should have to look at.
  glfwHideWindow(window.get());
  glfwPollEvents();
  loop.reset();
  ImGui_ImplGlfw_Shutdown();
  if (!error.empty()) return Error{error};
  return kept;
}

}  // namespace taskscope::viewer
