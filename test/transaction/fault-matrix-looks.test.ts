import { testSteps } from './fault-matrix/matrix.ts'
import { GROUPS } from './fault-matrix/tables.ts'

testSteps(GROUPS.looks)
