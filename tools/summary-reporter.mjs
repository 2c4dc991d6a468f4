// Ends a test run with one line that machines can read, and tells why anything was skipped.

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: 0, skipped: 0 }
    const reasons = new Set()
    for (const module of modules) {
      // A file that could not even be loaded is a failure though it holds no test.
      if (module.state() === 'failed' && module.children.size === 0) count.failed++
      for (const test of module.children.allTests()) {
        const { state, note } = test.result()
        count[state]++
        if (state === 'skipped') reasons.add(`skipped: ${test.fullName}: ${note ?? 'no reason given'}`)
      }
    }
    count.failed += unhandledErrors.length
    for (const reason of reasons) console.log(reason)
    console.log(
      `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`,
    )
  }
}
