/* matrix.c: products of matrices of words: multiplications, regular loads. */

typedef unsigned int u32;
typedef unsigned long u64;

#define SIZE 96

static u32 a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void multiply(void)
{
	for (int i = 0; i < SIZE; i++)
		for (int k = 0; k < SIZE; k++) {
			u32 sum = 0;

			for (int n = 0; n < SIZE; n++)
				sum += a[i][n] * b[n][k];
			c[i][k] = sum;
		}
}

u64 bench(u64 rounds)
{
	for (int i = 0; i < SIZE; i++)
		for (int k = 0; k < SIZE; k++) {
			a[i][k] = (u32)(i * 7 + k);
			b[i][k] = (u32)(i ^ (k * 3));
		}
	for (u64 round = 0; round < rounds; round++) {
		multiply();
		for (int i = 0; i < SIZE; i++)
			a[i][round % SIZE] ^= c[i][i];
	}
	return ((u64)a[5][9] << 32) + c[3][4];
}
