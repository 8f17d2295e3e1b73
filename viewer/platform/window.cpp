#include "viewer/platform/window.h"

#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "viewer/model/loader.h"
#include "viewer/panels/messages.h"
#include "viewer/platform/marks_file.h"
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

// Keys between GLFW and ImGui. ImGui 1.86 looks at keys once a frame: a tap that begins and ends
// between two frames would be lost, so its end waits for the next one.
class KeyQueue {
 public:
  explicit KeyQueue(GLFWwindow* window) : window_(window) {
    glfwSetWindowUserPointer(window, this);
    glfwSetKeyCallback(window, [](GLFWwindow* of, int key, int code, int action, int modifiers) {
      static_cast<KeyQueue*>(glfwGetWindowUserPointer(of))
          ->events_.push_back({key, code, action, modifiers});
    });
  }

  // Before a frame.
  void deliver() {
    std::set<int> pressed;
    while (!events_.empty()) {
      const Event event = events_.front();
      if (event.action == GLFW_RELEASE && pressed.contains(event.key)) return;
      if (event.action == GLFW_PRESS) pressed.insert(event.key);
      ImGui_ImplGlfw_KeyCallback(window_, event.key, event.code, event.action, event.modifiers);
      events_.pop_front();
    }
  }
  bool empty() const { return events_.empty(); }

 private:
  struct Event {
    int key, code, action, modifiers;
  };
  GLFWwindow* window_;
  std::deque<Event> events_;
};

class WindowLoop {
 public:
  WindowLoop(const ViewRequest& request, GLFWwindow* window, Presenter& presenter, Scene& scene,
             SessionLoader* loader)
      : request_(request),
        window_(window),
        keys_(window),
        presenter_(presenter),
        scene_(scene),
        loader_(loader) {}

  std::string run() {
    auto before = std::chrono::steady_clock::now();
    int frames_left = kFramesAfterEvent;
    while (glfwWindowShouldClose(window_) == GLFW_FALSE && !scene_.view().quit_requested) {
      // A picture asked for in the last of these frames is saved before the next one.
      const ViewState& view = scene_.view();
      const bool asked =
          view.save_as != SaveAs::Nothing || view.copy_requested || view.paste_requested;
      const bool busy = view.animating || asked || !keys_.empty();
      if (frames_left > 0 || busy) {
        if (frames_left == 0) glfwWaitEventsTimeout(kFrameSecondsMin);
        glfwPollEvents();
        frames_left = std::max(0, frames_left - 1);
      } else {
        glfwWaitEvents();
        frames_left = kFramesAfterEvent - 1;
      }
      take_loaded();
      const auto now = std::chrono::steady_clock::now();
      const std::chrono::duration<double> passed = now - before;
      before = now;
      draw(std::min(passed.count(), kFrameSecondsMax));
    }
    return error_;
  }

 private:
  void take_loaded() {
    if (loader_ == nullptr) return;
    const SessionLoader::State state = loader_->poll();
    if (state.session != nullptr && state.session != scene_.session()) {
      scene_.set_session(state.session);
      if (!scene_.missing().empty()) show_toast(scene_.view(), scene_.missing());
      if (!marks_) load_marks(*state.session);
    }
    LoadStatus status{.stage = LoadStage::Decoding,
                      .progress = state.progress,
                      .path = request_.path,
                      .error = state.error};
    if (!state.error.empty()) {
      status.stage = LoadStage::Failed;
      error_ = state.error;
    } else if (state.done) {
      status.stage = LoadStage::Ready;
    } else if (state.session == nullptr) {
      status.stage = LoadStage::Opening;
    }
    scene_.set_load(status);
  }

  void draw(double seconds) {
    int width = 0;
    int height = 0;
    glfwGetFramebufferSize(window_, &width, &height);
    if (width <= 0 || height <= 0) return;  // minimised
    if (scene_.view().save_as != SaveAs::Nothing) save(width, height);
    use_clipboard();
    keys_.deliver();
    presenter_.begin_frame();
    ImGui_ImplGlfw_NewFrame();
    scene_.draw(Scene::Kind::Window, seconds);
    presenter_.present(scene_, width, height);
    glfwSwapBuffers(window_);
    save_marks();
  }

  void save(int width, int height) {
    const SaveAs save_as = std::exchange(scene_.view().save_as, SaveAs::Nothing);
    if (scene_.session() == nullptr) return;
    const std::string path = picture_path(request_.path, save_as == SaveAs::Svg ? ".svg" : ".png");
    const Result<void> written = write_picture(scene_, width, height, path);
    show_toast(scene_.view(), written ? "Saved " + path : written.error().message);
  }

  void load_marks(const TraceSession& session) {
    marks_.emplace(request_.path, session.info().started);
    Result<std::vector<Mark>> loaded = marks_->load();
    if (!loaded) return show_toast(scene_.view(), loaded.error().message);
    scene_.view().marks = *std::move(loaded);
    saved_marks_ = scene_.view().marks;
  }

  // A folder that nobody may write to is said once for each change, and the marks stay in sight.
  void save_marks() {
    if (!marks_ || scene_.view().marks == saved_marks_) return;
    saved_marks_ = scene_.view().marks;
    const Result<void> saved = marks_->save(saved_marks_);
    if (!saved) show_toast(scene_.view(), saved.error().message);
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

  const ViewRequest& request_;
  GLFWwindow* window_;
  KeyQueue keys_;
  Presenter& presenter_;
  Scene& scene_;
  SessionLoader* loader_;
  std::string error_;
  std::optional<MarksFile> marks_;  // once there is a session
  std::vector<Mark> saved_marks_;
};

Result<void> run(const ViewRequest& request, SessionPtr session) {
  const GlfwLibrary library;
  if (!library.ready) return no_window(glfw_reason());
  const int width =
      static_cast<int>(std::lround(static_cast<float>(request.width) * request.scale));
  const int height =
      static_cast<int>(std::lround(static_cast<float>(request.height) * request.scale));
  const std::string title =
      std::filesystem::path(request.path).filename().string() + " – Taskscope";
  const WindowPtr window(glfwCreateWindow(width, height, title.c_str(), nullptr, nullptr),
                         &glfwDestroyWindow);
  if (window == nullptr) return no_window(glfw_reason());
  glfwMakeContextCurrent(window.get());
  glfwSwapInterval(1);
  glfwSetWindowSizeLimits(window.get(), 320, 200, GLFW_DONT_CARE, GLFW_DONT_CARE);
  Scene scene(request, wake_window);
  // The key callback is KeyQueue's; ImGui's backend adds its other ones.
  ImGui_ImplGlfw_InitForOpenGL(window.get(), true);
  const std::unique_ptr<Presenter> presenter = Presenter::make();
  std::unique_ptr<SessionLoader> loader;
  if (session != nullptr) {
    scene.set_session(std::move(session));
  } else {
    loader = std::make_unique<SessionLoader>(request.path, wake_window);
  }
  const std::string error =
      WindowLoop(request, window.get(), *presenter, scene, loader.get()).run();
  ImGui_ImplGlfw_Shutdown();
  if (!error.empty()) return Error{error};
  return {};
}

}  // namespace

Result<void> run_window(const ViewRequest& request) { return run(request, nullptr); }

Result<void> run_window(const ViewRequest& request, SessionPtr session) {
  return run(request, std::move(session));
}

}  // namespace taskscope::viewer
