"""What CI builds on: findings that fail a build, as JUnit XML and SARIF, and those that do not."""

import json
import unittest
from xml.etree import ElementTree

from support import LEAKY, ROOT, Case


class Gate(Case):
    def setUp(self):
        super().setUp()
        self.leaky, _ = self.record(LEAKY, "--requests", "20", workers=2)
        self.fixed, _ = self.record(LEAKY, "--requests", "20", "--fixed", workers=2,
                                    name="fixed.tscope")

    def record_unproved(self):
        self.env["TASKSCOPE_LEAKS"] = "off"
        recording, _ = self.record(LEAKY, "--requests", "20", workers=2, name="unproved.tscope")
        return recording

    def report(self, *options, recording=None, status=0):
        run = self.taskscope("report", (recording or self.leaky).path, *options)
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout.decode()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_kinds_groups_and_levels(self):
        for rule, status in (("leak", 3), ("any", 3), ("leak:warning", 3), ("leak:severe", 0),
                             ("any:proved", 3), ("contention", 0), ("deadlock,panic", 0),
                             ("panic,leak", 3)):
            with self.subTest(rule):
                self.report("--fail-on", rule, status=status)
        self.report("--fail-on", "any", recording=self.fixed)

    def test_without_the_program_s_own_proof_a_leak_is_suspected(self):
        unproved = self.record_unproved()
        for rule, status in (("leak", 3), ("leak:warning", 3), ("leak:severe", 0),
                             ("any:proved", 0)):
            with self.subTest(rule):
                self.report("--fail-on", rule, recording=unproved, status=status)
        self.assertIn("warning, suspected leak", self.report(recording=unproved))

    def test_options_may_stand_before_the_file(self):
        self.assertEqual(self.taskscope("report", "--fail-on", "leak", "--limit", "hold=20ms",
                                        self.leaky.path).returncode, 3)

    def test_an_unknown_kind_or_level_is_refused_with_those_that_there_are(self):
        self.assert_refused(self.taskscope("report", self.leaky.path, "--fail-on", "leek"),
                            "--fail-on", "leak", "contention", "lock_convoy", "'leek'", status=2)
        self.assert_refused(self.taskscope("report", self.leaky.path, "--fail-on", "leak:bad"),
                            "--fail-on", ":severe", ":proved", "'leak:bad'", status=2)

    def test_junit_has_a_failed_case_with_the_place(self):
        self.report("--fail-on", "leak", "--junit", "out.xml", status=3)
        suites = ElementTree.parse(self.folder / "out.xml").getroot()
        self.assertEqual(suites.get("failures"), "1")
        cases = suites.findall("./testsuite/testcase")
        self.assertEqual(len(cases), int(suites.get("tests")))
        failed = [case for case in cases if case.find("failure") is not None]
        self.assertEqual(len(failed), 1)
        self.assertEqual(failed[0].get("classname"), "taskscope.leak")
        self.assertTrue(failed[0].get("file").endswith("runtime/examples/leaky.cpp"))
        self.assertGreater(int(failed[0].get("line")), 0)
        self.assertIn("still blocked in chan send", failed[0].find("failure").get("message"))
        self.assertIn("no deadlock", [case.get("name") for case in cases])

    def test_junit_of_what_does_not_fail_has_no_failure(self):
        self.report("--junit", "out.xml")
        self.assertEqual(ElementTree.parse(self.folder / "out.xml").getroot().get("failures"), "0")

    def test_sarif_names_the_line_and_the_rule(self):
        run = self.taskscope("report", self.leaky.path, "--sarif", self.folder / "out.sarif")
        self.assertEqual(run.returncode, 0, run.stderr)
        sarif = json.loads((self.folder / "out.sarif").read_text())
        self.assertEqual(sarif["version"], "2.1.0")
        (run,) = sarif["runs"]
        rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
        page = (ROOT / "viewer/analysis/FINDINGS.md").read_text()
        for rule in rules:
            self.assertIn(f"`{rule}`", page)
        (result,) = run["results"]
        self.assertIn(result["ruleId"], rules)
        self.assertEqual(result["level"], "error")
        place = result["locations"][0]["physicalLocation"]
        self.assertTrue(place["artifactLocation"]["uri"].endswith("runtime/examples/leaky.cpp"))
        source = (ROOT / "runtime/examples/leaky.cpp").read_text().splitlines()
        self.assertIn("send", source[place["region"]["startLine"] - 1])
        started = result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"]
        self.assertIn("ts::go", source[started - 1])

    def test_what_is_in_the_baseline_does_not_fail(self):
        self.report("--write-baseline", "known.txt")
        text = self.report("--baseline", "known.txt", "--fail-on", "any")
        self.assertIn("1 finding is known or accepted and left out", text)
        self.assertIn("Findings\n  none", text)
        # In one step: what was known is left out before it is known anew.
        self.report("--write-baseline", "new.txt", recording=self.fixed)
        self.report("--baseline", "new.txt", "--write-baseline", "new.txt", "--fail-on", "any",
                    status=3)
        self.report("--baseline", "new.txt", "--fail-on", "any")
        # What the repaired program has is not what the broken one does.
        self.report("--write-baseline", "clean.txt", recording=self.fixed)
        self.report("--baseline", "clean.txt", "--fail-on", "any", status=3)

    def test_suppressions_by_kind_and_place(self):
        for line, status in (("leak leaky.cpp", 0), ("any examples/leaky.cpp", 0),
                             ("leak y.cpp", 3), ("deadlock leaky.cpp", 3), ("# leak leaky.cpp", 3)):
            with self.subTest(line):
                self.report("--suppress", self.write("ok.txt", line + "\n"), "--fail-on", "any",
                            status=status)

    def test_files_that_are_wrong_or_not_there_are_named(self):
        bad = self.write("bad.txt", "\nleak\n")
        self.assert_refused(self.taskscope("report", self.leaky.path, "--suppress", bad),
                            "bad.txt, line 2", "leak server.cpp:42")
        for option in ("--suppress", "--baseline", "--limits-file"):
            with self.subTest(option):
                self.assert_refused(self.taskscope("report", self.leaky.path, option, "gone.txt"),
                                    "gone.txt", "no such file")
        self.assert_refused(self.taskscope("report", self.leaky.path, "--junit", "no/out.xml"),
                            "no/out.xml", "No such file")

    def test_limits_can_be_changed_listed_and_are_checked(self):
        page = (ROOT / "viewer/analysis/FINDINGS.md").read_text()
        listed = self.taskscope("report", "--limits").stdout.decode().splitlines()[1:]
        self.assertGreater(len(listed), 30)
        for line in listed:
            self.assertIn(f"`{line.split()[0]}`", page)
        unproved = self.record_unproved()
        severe = self.report("--limit", "severe_group=1", "--fail-on", "leak:severe",
                             recording=unproved, status=3)
        self.assertIn("severe, suspected leak", severe)
        self.report("--limits-file", self.write("ci.limits", "# ours\nsevere_group = 1\n"),
                    "--fail-on", "leak:severe", recording=unproved, status=3)
        self.assert_refused(
            self.taskscope("report", self.leaky.path, "--limit", "starved_wait=soon"),
            "--limit", "starved_wait=10ms", "'soon'", status=2)


if __name__ == "__main__":
    unittest.main()
