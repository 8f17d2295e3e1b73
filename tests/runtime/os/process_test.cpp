#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::sized;

class ProcessTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ProcessTest);

os::Command shell(const std::string& script) { return {.arguments = {"sh", "-c", script}}; }

os::Command sleeper_with_pipes() {
  os::Command command{.arguments = {"sleep", "1000"}};
  command.input = os::Stream::Pipe;
  command.output = os::Stream::Pipe;
  return command;
}

std::string more_than_a_pipe_holds() { return std::string(std::size_t{1} << 20, 'i'); }

TEST_P(ProcessTest, OutputErrorAndStatusComeBack) {
  run([] {
    const Result<os::Output> result = os::output(shell("echo out; echo err >&2; exit 3"));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->output, "out\n");
    EXPECT_EQ(result->error, "err\n");
    EXPECT_EQ(result->status.code, 3);
    EXPECT_FALSE(result->status.success());
    EXPECT_EQ(result->status.to_string(), "exit status 3");
  });
}

TEST_P(ProcessTest, InputIsPassedOnHoweverLarge) {
  run([] {
    const std::string text(std::size_t{1} << 20, 'i');
    const Result<os::Output> result = os::output({.arguments = {"cat"}}, text);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->output, text);
    EXPECT_TRUE(result->status.success());
  });
}

TEST_P(ProcessTest, AChildThatDoesNotReadRaisesNoSignalHere) {
  run([] {
    const std::string text(std::size_t{1} << 20, 'i');
    const Result<os::Output> result = os::output({.arguments = {"true"}}, text);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(result->status.success());
    os::Command command{.arguments = {"true"}};
    command.input = os::Stream::Pipe;
    const Result<os::Process> child = os::Process::start(command);
    ASSERT_TRUE(child);
    ASSERT_TRUE(child->wait());
    const Result<void> put = child->input().write_all(text);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().os_error, EPIPE);
  });
}

TEST_P(ProcessTest, AContextEndsReadsAndWritesOfPipes) {
  run([] {
    const Result<os::Process> child = os::Process::start(sleeper_with_pipes());
    ASSERT_TRUE(child) << child.error().message;
    auto [context, cancel] = with_cancel(background());
    const std::string text = more_than_a_pipe_holds();
    WaitGroup group;
    const auto expect_cancelled = [](const auto& result) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().kind, ErrorKind::Cancelled) << result.error().message;
    };
    group.go([&, &waits = context] {
      char byte = 0;
      expect_cancelled(child->output().read(waits, {&byte, 1}));
    });
    group.go([&, &waits = context] { expect_cancelled(child->output().read_all(waits)); });
    group.go([&, &waits = context] { expect_cancelled(child->input().write_all(waits, text)); });
    test::wait_until_blocked(3);
    cancel();
    group.wait();
    expect_cancelled(child->output().read_all(context));
    ASSERT_TRUE(child->kill(SIGKILL));
    ASSERT_TRUE(child->wait());
    const Result<std::string> rest = child->output().read_all();
    EXPECT_TRUE(rest) << "without one the pipe works on";
  });
}

TEST_P(ProcessTest, WhatAContextsDeadlineEndsIsATimeout) {
  run([] {
    const Result<os::Process> child = os::Process::start(sleeper_with_pipes());
    ASSERT_TRUE(child) << child.error().message;
    const std::string name = "sleep (" + std::to_string(child->id()) + ")";
    const std::string text = more_than_a_pipe_holds();
    const auto limited = with_timeout(background(), std::chrono::milliseconds(5));
    const auto expect_late = [](const auto& result, const std::string& what) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().kind, ErrorKind::Timeout);
      EXPECT_EQ(result.error().message, what + ": its context's deadline has passed");
    };
    WaitGroup group;
    group.go([&] {
      char byte = 0;
      expect_late(child->output().read(limited.ctx, {&byte, 1}), "read pipe from " + name);
    });
    group.go([&] { expect_late(child->output().read_all(limited.ctx), "read pipe from " + name); });
    group.go(
        [&] { expect_late(child->input().write_all(limited.ctx, text), "write pipe to " + name); });
    group.go([&] { expect_late(child->wait(limited.ctx), "wait for process " + name); });
    group.wait();
    EXPECT_TRUE(child->kill(SIGKILL));
    EXPECT_EQ(child->wait().value().signal, SIGKILL);
    const auto brief = with_timeout(background(), std::chrono::milliseconds(5));
    const Result<os::Output> out = os::output(brief.ctx, {.arguments = {"sleep", "1000"}});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, ErrorKind::Timeout);
  });
}

TEST_P(ProcessTest, ManyChildrenRunAtOnce) {
  run([] {
    WaitGroup group;
    for (int i = 0; i < sized(64); ++i) {
      group.go([i] {
        const std::string number = std::to_string(i);
        const Result<os::Output> result = os::output({.arguments = {"echo", number}});
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(result->output, number + "\n");
      });
    }
    group.wait();
  });
}

TEST_P(ProcessTest, DirectoryAndEnvironmentAreTheCommandsOwn) {
  run([] {
    os::Command command = shell("pwd; echo $TASKSCOPE_TEST");
    command.directory = "/";
    command.environment = {"TASKSCOPE_TEST=here", "PATH=/usr/bin:/bin"};
    const Result<os::Output> result = os::output(command);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->output, "/\nhere\n");
  });
}

TEST_P(ProcessTest, AKilledChildSaysBySignal) {
  run([] {
    const Result<os::Process> child = os::Process::start({.arguments = {"sleep", "1000"}});
    ASSERT_TRUE(child) << child.error().message;
    WaitGroup waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.go([&] {
        const Result<os::ExitStatus> status = child->wait();
        ASSERT_TRUE(status) << status.error().message;
        EXPECT_EQ(status->signal, SIGTERM);
        EXPECT_EQ(status->to_string(), "killed by signal 15");
      });
    }
    test::wait_until_blocked(3);
    EXPECT_TRUE(child->kill(SIGTERM));
    waiters.wait();
    const Result<void> again = child->kill(SIGTERM);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().os_error, ESRCH);
  });
}

TEST_P(ProcessTest, AWaitGivesUpWithItsContext) {
  run([] {
    const Result<os::Process> child = os::Process::start({.arguments = {"sleep", "1000"}});
    ASSERT_TRUE(child);
    auto [context, cancel] = with_cancel(background());
    WaitGroup group;
    group.go([&child, &context = context] {
      const Result<os::ExitStatus> status = child->wait(context);
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().kind, ErrorKind::Cancelled);
    });
    test::wait_until_blocked(1);
    cancel();
    group.wait();
    EXPECT_TRUE(child->kill(SIGKILL));
    EXPECT_EQ(child->wait().value().signal, SIGKILL);
  });
}

TEST_P(ProcessTest, ACommandIsKilledWhenItsContextIsDone) {
  run([] {
    auto limited = with_cancel(background());
    WaitGroup group;
    group.go([&] {
      const Result<os::Output> out =
          os::output(limited.ctx, {.arguments = {"sleep", "1000"}}, "unread");
      ASSERT_FALSE(out);
      EXPECT_EQ(out.error().kind, ErrorKind::Cancelled);
    });
    test::wait_until_blocked(2);
    limited.cancel();
    group.wait();
    // Reaped, too: this process has no child any more.
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(os::output(background(), {.arguments = {"cat"}}, "all").value().output, "all");
  });
}

TEST_P(ProcessTest, AProgramThatIsNotThereIsAnError) {
  run([] {
    const Result<os::Process> child = os::Process::start({.arguments = {"no-such-program"}});
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().message, "start no-such-program: no such file or directory");
    EXPECT_FALSE(os::Process::start({}));
  });
}

TEST_P(ProcessTest, ATaskMayForkAndExecItself) {
  run([] {
    const pid_t child = fork();
    if (child == 0) {
      execlp("sh", "sh", "-c", "exit 7", nullptr);
      _exit(127);
    }
    ASSERT_GT(child, 0);
    const int status = blocking_long([child] {
      int answer = 0;
      while (waitpid(child, &answer, 0) < 0 && errno == EINTR) {
      }
      return answer;
    });
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
  });
}

}  // namespace
}  // namespace taskscope
