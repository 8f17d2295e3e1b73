#!/usr/bin/env python3
"""Tasks as debuggers and profilers see them: gdb with the script that every program carries, on a
process and on a core file; perf; SIGQUIT."""

import re
import resource
import shutil
import signal
import subprocess
import unittest

from support import STUCK, TIMEOUT_S, Case, end_group

# Of main's frame, whatever inlining has made of it: the variables of the program.
TO_MAINS_FRAME = "python [gdb.selected_frame().older().select() for _ in range(20) " \
                 "if not gdb.selected_frame().function() or " \
                 "'operator()' not in gdb.selected_frame().function().name]"


class Gdb(Case):
    def setUp(self):
        super().setUp()
        if shutil.which("gdb") is None:
            self.skipTest("gdb is not installed")

    def gdb(self, *commands, arguments=()):
        """What gdb prints to the commands."""
        words = ["gdb", "-nx", "-batch", "-iex", f"add-auto-load-safe-path {STUCK.parent}",
                 "-iex", "set debuginfod enabled off"]
        for command in commands:
            words += ["-ex", command]
        run = subprocess.run([*words, "--args", str(STUCK), *arguments], cwd=self.folder,
                             env=self.env, capture_output=True, timeout=TIMEOUT_S, check=False)
        output = run.stdout.decode() + run.stderr.decode()
        if "ptrace: Operation not permitted" in output:
            self.skipTest("this machine does not let gdb trace")
        return output

    def at_abort(self, *commands):
        return self.gdb("run", *commands, arguments=["abort"])

    def core(self, *commands):
        """The same on the core file that the kernel leaves."""
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
            pattern = file.read().strip()
        if pattern.startswith(("|", "/")):
            self.skipTest(f"core files go elsewhere on this machine: {pattern}")
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        run = subprocess.run([str(STUCK), "abort"], cwd=self.folder, env=self.env,
                             capture_output=True, timeout=TIMEOUT_S, check=False,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited))
        self.assertEqual(run.returncode, -signal.SIGABRT, run.stderr.decode())
        files = list(self.folder.glob(pattern.split("%")[0] + "*"))
        if not files:
            self.skipTest("this machine writes no core files")
        return self.gdb(f"core-file {files[0]}", *commands)

    def check_list(self, output):
        self.assertRegex(output, r'\* task 1 "main"  \[running\]  on thread \d+  started at stuck')
        self.assertEqual(len(re.findall(
            r'  task \d+ "reader"  \[chan recv "requests".*\]  stuck.cpp:\d+  spawned at stuck.cpp:'
            r"\d+\n", output)), 3, output)
        self.assertRegex(output, r'task \d+ "writer"  \[mutex "books".*\]  stuck.cpp:\d+')
        self.assertRegex(output, r'task \d+ "thinker"  \[running\]  on thread \d+')
        self.assertIn("\n7 tasks\n", output)

    def check_stack(self, output):
        """Of a reader: from the switch to the entry, and nothing of the thread that is current."""
        frames = re.findall(r"^#(\d+) .*", output, re.MULTILINE)
        self.assertEqual([int(number) for number in frames], list(range(len(frames))), output)
        lines = re.findall(r"^#.*", output, re.MULTILINE)
        self.assertIn("taskscope_switch", lines[0])
        self.assertIn("taskscope_stack_entry", lines[-1])
        self.assertIn("read_requests", output)
        self.assertNotIn("abort", output)

    def check_objects(self, output):
        reader = r'task \d+ "reader"'
        self.assertRegex(output, r'channel "requests" made at stuck.cpp:\d+; 0 of 0; receivers '
                                 rf"wait: {reader}, {reader}, {reader}\n")
        self.assertRegex(output, r'channel "results" made at stuck.cpp:\d+; 2 of 4; values: 10, '
                                 r"20\n")
        self.assertRegex(output, r'Mutex "books" made at stuck.cpp:\d+; task 1 "main" has it; '
                                 r'waiting: task \d+ "writer"\n')
        self.assertRegex(output, r'WaitGroup "workers" made at stuck.cpp:\d+; count 3; waiting: '
                                 r'task \d+ "boss"\n')

    OBJECTS = (TO_MAINS_FRAME, "print-chan requests", "print results", "print books", "print group")

    def test_it_lists_tasks_of_a_process(self):
        self.check_list(self.at_abort("info tasks"))

    def test_it_shows_the_stack_of_a_waiting_task(self):
        self.check_stack(self.at_abort("echo BEGIN\\n", "task 2 bt").split("BEGIN", 1)[-1])

    def test_it_shows_the_stack_of_a_task_that_runs_elsewhere(self):
        output = self.at_abort("echo BEGIN\\n", "task 7 bt").split("BEGIN", 1)[-1]
        self.assertIn("compute", output)
        self.assertIn("taskscope_stack_entry", output)

    def test_variables_of_a_waiting_task_can_be_printed(self):
        output = self.at_abort("task 2 python [gdb.selected_frame().older().select() for _ in "
                               "range(20) if gdb.selected_frame().name().split('::')[-1] != "
                               "'read_requests']; print(gdb.selected_frame().read_var('local'))")
        self.assertIn("4711", output)

    def test_all_stacks_at_once(self):
        output = self.at_abort("task all bt")
        self.assertEqual(output.count("read_requests"), 3, output)
        self.assertEqual(len(re.findall(r"^task \d+.*\]:$", output, re.MULTILINE)), 7)

    def test_it_prints_channels_and_locks_with_those_who_wait(self):
        self.check_objects(self.at_abort(*self.OBJECTS))

    def test_a_core_file_shows_the_same(self):
        output = self.core("info tasks", "echo BEGIN\\n", "task 2 bt", "echo END\\n", *self.OBJECTS)
        self.check_list(output)
        self.check_stack(output.split("BEGIN", 1)[1].split("END", 1)[0])
        self.check_objects(output)

    def test_the_process_goes_on_unharmed(self):
        output = self.gdb("break abort", "run", "task 2", "bt", "task 2 bt", "continue",
                          arguments=["abort"])
        self.assertIn("received signal SIGABRT", output)

    def test_a_mistake_is_a_sentence(self):
        output = self.at_abort("task 99 bt", "task", "info tasks")
        self.assertIn("there is no task 99", output)
        self.assertIn("task N [COMMAND]", output)


class Perf(Case):
    def test_it_unwinds_the_stacks_of_tasks_to_their_entry(self):
        if shutil.which("perf") is None:
            self.skipTest("perf is not installed")
        run = subprocess.run(["perf", "record", "-e", "cpu-clock", "-F", "99", "--call-graph",
                              "dwarf,8192", "-o", "perf.data", "--", str(STUCK), "exit"],
                             cwd=self.folder, env=self.env, capture_output=True, timeout=TIMEOUT_S,
                             check=False)
        if run.returncode != 0:
            self.skipTest("perf cannot record here: " + run.stderr.decode().strip().split("\n")[0])
        script = subprocess.run(["perf", "script", "-i", "perf.data", "-F", "ip,sym"],
                                cwd=self.folder, env=self.env, capture_output=True,
                                timeout=TIMEOUT_S, check=True).stdout.decode()
        samples = [sample for sample in script.split("\n\n") if "compute" in sample]
        self.assertGreater(len(samples), 0, script[:2000])
        for sample in samples:
            self.assertRegex(sample, r"compute[^\n]*\n(?:.*\n)*.*taskscope_stack_entry")


class Sigquit(Case):
    def test_it_prints_all_tasks_with_their_stacks_and_ends_the_program(self):
        run = subprocess.run([str(STUCK), "quit"], cwd=self.folder, env=self.env,
                             capture_output=True, timeout=TIMEOUT_S, check=False)
        message = run.stderr.decode()
        self.assertEqual(run.returncode, 2, message)
        self.assertRegex(message, r"\ASIGQUIT: quit\n\n7 tasks with 5 different stacks\n\n3 tasks "
                                  r"\[chan recv.*\]:\n\ttask 2 \"reader\", task 3 \"reader\", "
                                  r"task 4 \"reader\"\n.*read_requests\(.*\n\t.*stuck.cpp:\d+\n")
        self.assertRegex(message, r"task 7 \"thinker\" \[running\]:\n.*compute\(bool\)\n")

    def test_a_program_that_somebody_else_quits_does_the_same(self):
        process = subprocess.Popen([str(STUCK), "wait"], cwd=self.folder, env=self.env,
                                   start_new_session=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(end_group, process)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGQUIT)
        _, message = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 2, message.decode())
        self.assertIn("read_requests(", message.decode())


if __name__ == "__main__":
    unittest.main()
