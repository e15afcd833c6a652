import { testStep } from './fault-matrix/matrix.ts'

testStep('CSR')
