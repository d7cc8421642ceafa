/* bcryptprimitives.dll: Rust's random bytes are asked of it, and wine 8 has none.
   RtlGenRandom of advapi32, under its real name, gives them. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *bytes, ULONG count);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *bytes, SIZE_T count)
{
    return SystemFunction036(bytes, (ULONG)count);
}
