// One WireMock for all of these: a JVM takes longer to start than most of them to run. In this place because most of it is waiting: files are
// taken in the order of their names, and what computes goes on meanwhile.
import './wiremock/transactions.ts'
import './wiremock/rollback.ts'
import './wiremock/credentials.ts'
import './wiremock/faults.ts'
