import { testStep } from './fault-matrix/matrix.ts'

testStep('delete')
